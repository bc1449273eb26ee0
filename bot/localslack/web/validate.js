// What Slack's own client checks before a modal is sent.

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

const isEmpty = (value) => value === null || value === undefined || value.length === 0;

const CHECKS = {
  email_text_input: (_, value) =>
    EMAIL.test(value) ? "" : "This does not look like an email address.",
  url_text_input: (_, value) =>
    URL.canParse(value)
      ? ""
      : "This does not look like a web address. Does it start with https://?",
  number_input: checkNumber,
  plain_text_input: (element, value) =>
    value.length < (element.min_length ?? 0)
      ? `Please write at least ${element.min_length} characters.`
      : "",
};

/** The sentence that says what is wrong with an input block's value, or "". */
export function problem(block, value) {
  const blank = isEmpty(value) || (typeof value === "string" && !value.trim());
  if (blank) return block.optional ? "" : "Please complete this required field.";
  return CHECKS[block.element.type]?.(block.element, value) ?? "";
}

function checkNumber(element, value) {
  const number = Number(value);
  if (Number.isNaN(number)) return "Please enter a number.";
  if (!element.is_decimal_allowed && !Number.isInteger(number))
    return "Please enter a whole number.";
  if (number < Number(element.min_value ?? -Infinity))
    return `Please enter at least ${element.min_value}.`;
  if (number > Number(element.max_value ?? Infinity))
    return `Please enter at most ${element.max_value}.`;
  return "";
}
