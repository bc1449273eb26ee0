"""The command line at a real terminal."""

from at_terminal import OFFLINE, name_in


def test_a_person_approves_and_reads_the_answer(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("2 of 2 results")
    assert person.leaves() == 0


def test_a_person_rejects(sits_down, orchestrate):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[r] Reject")
    person.types("reject")
    assert person.leaves() == 1
    assert "rejected" in orchestrate("runs")[1]


def test_a_person_asks_for_another_plan(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[p] Re-plan")
    person.types("p")
    person.reads("different?")
    person.types("make it 4 steps")
    person.reads("revision 2 of the plan")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0


def test_a_plan_that_cannot_be_read_can_be_left(sits_down, editor):
    wrong = editor("sed -i 's/$/ | after: never/' $1")
    person = sits_down("run", "#subtasks(2) Compare tea", EDITOR=wrong)
    person.reads("[e] Edit")
    person.types("e")
    person.reads("needs numbers")
    person.reads("[l] Leave it")
    person.types("l")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0


def test_an_edited_plan_is_a_new_revision(sits_down, editor):
    person = sits_down(
        "run", "#subtasks(2) Compare tea", EDITOR=editor("sed -i 's/^2\\. [^|]*/2. Sum it up /' $1")
    )
    person.reads("[e] Edit")
    person.types("e")
    person.reads("revision 2 of the plan")
    person.reads("Sum it up")
    person.types("a")
    assert person.leaves() == 0


def test_a_person_answers_a_question(sits_down):
    person = sits_down("run", "#subtasks(2) #question(1) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("A question about subtask 1")
    person.reads("Answer:")
    person.types("1")
    person.reads("2 of 2 results")
    assert person.leaves() == 0


def test_a_person_edits_a_dead_letter_then_skips_it(sits_down, editor):
    person = sits_down(
        "run", "#subtasks(2) #fail(1) Compare tea", EDITOR=editor("sed -i '1s/^/Carefully. /' $1")
    )
    person.reads("[a] Approve")
    person.types("a")
    person.reads("Out of attempts: subtask 1")
    person.reads("[e] Edit and retry")
    person.types("e")
    person.reads("revision 2 of the plan")
    person.reads("Out of attempts: subtask 1")
    person.reads("[k] Skip")
    person.types("k")
    person.reads("Without 1 subtask.")
    assert person.leaves() == 0


def test_a_person_writes_the_plan_where_planning_failed(sits_down, editor):
    person = sits_down(
        "run", "#badplan Compare tea", EDITOR=editor("sed -i 's/^1.*/1. Taste it/' $1")
    )
    person.reads("[w] Write the subtasks")
    person.types("w")
    person.reads("Taste it")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0


def test_a_person_picks_an_option_when_the_budget_is_used_up(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea", ORCHESTRATOR_RUN_TOKENS="1")
    person.reads("Needs budget")
    person.reads("[1] Allow as much again")
    person.types("1")
    person.reads("The budget is raised")
    person.reads("Needs budget")
    person.types("s")
    assert person.leaves() == 1


def test_ctrl_c_leaves_the_run_to_be_gone_on_with(sits_down):
    person = sits_down("run", "#subtasks(2) #slow(1,20s) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("running")
    person.presses_ctrl_c()
    person.reads("stays as it is")
    assert person.leaves() == 130
    again = sits_down("resume", name_in(person.said))
    again.reads("running")
    again.presses_ctrl_c()
    assert again.leaves() == 130


def test_ctrl_c_at_a_question_asks_nothing_more(sits_down, orchestrate):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[a] Approve")
    person.presses_ctrl_c()
    person.reads("show R-")
    assert person.leaves() == 130
    assert "proposed" in orchestrate("runs")[1]


def test_the_end_of_the_input_leaves_too(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea")
    person.reads("[a] Approve")
    person.presses_ctrl_d()
    person.reads("stays as it is")
    assert person.leaves() == 3


def test_a_question_can_wait_while_another_is_answered(sits_down):
    person = sits_down("run", "#question(1) #fail(2) Describe tea and describe coffee")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("A question about subtask 1")
    person.reads("Enter: later")
    person.reads("Answer:")
    person.types("")
    person.reads("Out of attempts: subtask 2")
    person.types("k")
    person.reads("A question about subtask 1")
    person.reads("Answer:")
    person.types("1")
    person.reads("Without 1 subtask.")
    assert person.leaves() == 0


def test_what_somebody_else_answers_is_no_longer_asked(sits_down, orchestrate):
    person = sits_down("run", "#subtasks(2) #question(1) Compare tea")
    person.reads("[a] Approve")
    person.types("a")
    person.reads("Answer:")
    assert orchestrate("answer", name_in(person.said), "1", *OFFLINE)[0] == 0
    person.reads("no longer asked")
    assert person.leaves() == 0


def test_without_an_editor_the_plan_can_still_be_decided_on(sits_down):
    person = sits_down("run", "#subtasks(2) Compare tea", EDITOR="no-such-editor")
    person.reads("[e] Edit")
    person.types("e")
    person.reads("no-such-editor cannot be started; set EDITOR.")
    person.reads("[a] Approve")
    person.types("a")
    assert person.leaves() == 0
