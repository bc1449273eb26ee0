"""What Slack says when it says no, and what that means for the call."""

from __future__ import annotations

from enum import StrEnum

from slack_sdk.errors import SlackApiError

_TOO_MANY = 429
_OWN_FAULT = 500
_MOST_LOGGED = 200


class Kind(StrEnum):
    """Kind of a refusal: what it is about, and with that whether another try is of use."""

    PAYLOAD = "payload"  # what was sent; something else may be taken
    TARGET = "target"  # this one message, view, file or person: gone, or not to be changed
    CLICK = "click"  # a click that Slack no longer counts
    PLACE = "place"  # the channel or thread is closed; people may open it
    ACCOUNT = "account"  # the token, its scopes, the app or the workspace
    REVOKED = "revoked"  # the token is void for good: the app was removed
    FEATURE = "feature"  # the workspace or the app does not have this at all
    WAIT = "wait"  # too much for now
    PASSING = "passing"  # passes by itself


# Every code that is documented for a method the bot calls; a test holds it against the reference.
_CODES = {
    Kind.PAYLOAD: """
        alt_txt_too_large as_user_not_supported attachment_payload_limit_exceeded bad_timestamp
        channels_limit_exceeded duplicate_external_id insecure_request invalid_arg_name
        invalid_arguments invalid_array_arg invalid_attachments invalid_blocks
        invalid_blocks_format invalid_charset invalid_chunks invalid_cursor invalid_form_data
        invalid_json invalid_limit invalid_metadata_filter_keys invalid_metadata_format
        invalid_metadata_schema invalid_name invalid_post_type invalid_status invalid_ts_latest
        invalid_ts_oldest invalid_types limit_required markdown_text_conflict
        metadata_must_be_sent_from_app metadata_too_large missing_args missing_argument
        missing_file_data missing_post_type missing_profile_id missing_recipient_team_id
        missing_recipient_user_id msg_blocks_too_long msg_blocks_too_many msg_too_long
        no_item_specified no_text not_enough_users reserved_username send_on_behalf_not_allowed
        slack_connect_canvas_sharing_blocked slack_connect_file_link_sharing_blocked
        slack_connect_lists_sharing_blocked snippet_too_large thread_ts_not_allowed
        thread_ts_required too_many_attachments too_many_contact_cards too_many_users
        unknown_snippet_type unknown_subtype users_list_not_supplied view_too_large
    """,
    Kind.TARGET: """
        already_reacted block_mismatch bot_not_found bots_not_found cant_broadcast_message
        cant_delete_message cant_update_message draft_already_deleted draft_already_sent
        draft_has_conflict draft_not_found edit_window_closed file_deleted file_is_deleted
        file_not_found hash_conflict invalid_user_combination message_not_found
        message_not_in_streaming_state message_not_owned_by_app no_dual_broadcast_content_update
        no_such_subteam not_found not_reactable not_visible push_limit_reached stopped_by_user
        template_not_visible too_many_emoji too_many_reactions user_disabled user_not_found
        user_not_visible users_not_found
    """,
    Kind.CLICK: """
        exchanged_trigger_id expired_trigger_id invalid_trigger_id trigger_exchanged
        trigger_expired
    """,
    Kind.PLACE: """
        blocked_file_type cannot_reply_to_message channel_is_limited_access channel_not_found
        channel_type_not_supported ekm_access_denied external_channel_migrating
        file_share_limit_reached file_type_not_allowed file_upload_size_restricted
        file_uploads_disabled file_uploads_except_images_disabled invalid_channel
        invalid_thread_ts is_archived is_inactive max_file_sharing_exceeded messages_tab_disabled
        method_not_supported_for_channel_type no_access not_in_channel posting_to_channel_denied
        restricted_action restricted_action_non_threadable_channel
        restricted_action_read_only_channel restricted_action_thread_locked
        restricted_action_thread_only_channel slack_connect_blocked_file_type
        slack_connect_clip_sharing_blocked slack_connect_file_upload_sharing_blocked
        storage_limit_reached thread_locked thread_not_found too_many_members user_not_in_channel
    """,
    Kind.ACCOUNT: """
        access_denied accesslimited app_access_restricted authorization_not_found
        bad_client_secret bad_redirect_uri cannot_install_an_org_installed_app
        canvas_disabled_file_team canvas_disabled_user_team canvas_globally_disabled
        client_id_token_mismatch enterprise_is_restricted enterprise_not_found forbidden_team
        invalid_auth invalid_client_id invalid_code invalid_code_verifier invalid_grant_type
        invalid_refresh_token invalid_team invalid_token is_bot missing_scope missing_user
        no_permission no_scopes not_allowed_token_type not_authed not_authorized not_bearer_token
        not_subscribed_to_message_stream_stopped oauth_authorization_url_mismatch
        org_login_required org_not_found pkce_not_allowed team_not_found team_not_on_enterprise
        token_already_exchanged token_expired token_rotation_not_enabled two_factor_setup_required
        user_email_unverified
    """,
    Kind.REVOKED: "account_inactive token_revoked",
    Kind.FEATURE: """
        deprecated_endpoint feature_disabled feature_not_enabled method_deprecated not_agent_app
        not_enabled not_implemented plan_upgrade_required preview_feature_not_available
        team_not_supported unknown_method
    """,
    Kind.WAIT: "message_limit_exceeded rate_limited ratelimited",
    Kind.PASSING: """
        duplicate_channel_not_found duplicate_message_not_found
        fail_to_get_teams_for_restricted_user fatal_error fetch_members_failed file_update_failed
        internal_error list_record_comment_fetch_failed messaging_processing_failed
        request_timeout service_unavailable streaming_state_conflict team_added_to_org
        unable_to_share_files update_failed
    """,
}
CODES = {code: kind for kind, codes in _CODES.items() for code in codes.split()}


def code_of(error: BaseException) -> str:
    """What Slack calls the error; empty where it is not Slack's, or no JSON came with it."""
    if not isinstance(error, SlackApiError) or not isinstance(error.response.data, dict):
        return ""
    return str(error.response.data.get("error", ""))


def in_short(error: BaseException) -> str:
    """Return what went wrong for the log: Slack's code, else the error itself."""
    return code_of(error) or repr(error)[:_MOST_LOGGED]


def kind_of(error: BaseException) -> Kind:
    """Return the kind of a refusal; what nobody knows passes by itself."""
    if not isinstance(error, SlackApiError):
        return Kind.PASSING
    if error.response.status_code == _TOO_MANY:
        return Kind.WAIT
    if error.response.status_code >= _OWN_FAULT:
        return Kind.PASSING
    return CODES.get(code_of(error), Kind.PASSING)


def may_be_done(error: BaseException) -> bool:
    """Return whether the call may have had its effect all the same."""
    return kind_of(error) is Kind.PASSING


def asked_to_wait(error: BaseException) -> float | None:
    """Return the seconds Slack wants us to wait, where it said so."""
    if not isinstance(error, SlackApiError):
        return None
    asked = str(error.response.headers.get("Retry-After") or "")
    return float(asked) if asked.replace(".", "", 1).isdecimal() else None
