// Times in the zone of whoever looks. Slack's timestamps are seconds as text.

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const secondsFormat = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat("en", {
  weekday: "long",
  day: "numeric",
  month: "long",
});

const preciseFormat = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  fractionalSecondDigits: 3,
});

export const toDate = (ts) => new Date(Number.parseFloat(ts) * 1000);
export const clock = (ts) => clockFormat.format(toDate(ts));
/** With milliseconds, of seconds since the epoch. */
export const preciseClock = (at) => preciseFormat.format(new Date(at * 1000));
/** Hours and minutes alone, for where there is little room. */
export const shortClock = (ts) => clock(ts).replace(/\s?[AP]M$/i, "");
export const fullTime = (ts) => fullFormat.format(toDate(ts));
export const dayKey = (ts) => toDate(ts).toDateString();

function daysAgo(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
  return Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
}

const NEAR = new Map([
  [0, "Today"],
  [1, "Yesterday"],
  [-1, "Tomorrow"],
]);

/** "Today", "Yesterday", "Monday, 2 March"; with the year when it is not this one. */
export function dayLabel(ts) {
  const date = toDate(ts);
  const near = NEAR.get(daysAgo(date));
  if (near) return near;
  const year = date.getFullYear();
  return dayFormat.format(date) + (year === new Date().getFullYear() ? "" : ` ${year}`);
}

/** "just now", "5 minutes ago", "Today at 14:03". */
export function ago(ts) {
  const minutes = Math.floor((Date.now() - toDate(ts).getTime()) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} minute${minutes === 1 ? "" : "s"} ago`;
  return `${dayLabel(ts)} at ${clock(ts)}`;
}

const part = (options) => (date) => new Intl.DateTimeFormat("en", options).format(date);
const pretty = (format) => (date) => NEAR.get(daysAgo(date))?.toLowerCase() ?? format(date);
const DATE = part({ dateStyle: "long" });
const SHORT = part({ dateStyle: "medium" });
const LONG = part({ dateStyle: "full" });

const TOKENS = {
  date: DATE,
  date_num: (date) =>
    [date.getFullYear(), date.getMonth() + 1, date.getDate()]
      .map((n) => `${n}`.padStart(2, "0"))
      .join("-"),
  date_slash: part({ year: "numeric", month: "2-digit", day: "2-digit" }),
  date_short: SHORT,
  date_long: LONG,
  date_pretty: pretty(DATE),
  date_short_pretty: pretty(SHORT),
  date_long_pretty: pretty(LONG),
  day_divider_pretty: pretty(LONG),
  time: (date) => clockFormat.format(date),
  time_secs: (date) => secondsFormat.format(date),
  ago: (date) => ago(date.getTime() / 1000),
};

/** Slack's date text: `{date_short} at {time}` of a Unix time in seconds; the fallback otherwise. */
export function slackDate(seconds, format, fallback) {
  const date = toDate(seconds);
  if (Number.isNaN(date.getTime())) return fallback ?? "";
  return format.replace(/\{(\w+)\}/g, (whole, token) => TOKENS[token]?.(date) ?? whole);
}
