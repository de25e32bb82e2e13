// @ts-check
// Numbers as people read them. A thin space parts thousands; a dash is "not known".

const NONE = '–';

/** @param {number} value */
function grouped(value) {
  const digits = String(Math.round(value));
  return digits.length < 4 ? digits : digits.replaceAll(/\B(?=(\d{3})+$)/g, '\u2009');
}

/** @param {number} value */
export function formatCount(value) {
  if (value < 100_000) return grouped(value);
  return value < 1e6 ? `${Math.round(value / 1e3)}k` : `${(value / 1e6).toFixed(1)}M`;
}

/** @param {number} perSecond */
export function formatRate(perSecond) {
  if (perSecond === 0) return '0';
  if (perSecond < 0.05) return '<0.1';
  if (perSecond < 100) return perSecond.toFixed(1);
  return formatCount(perSecond);
}

/** @param {number | null} ms */
export function formatMs(ms) {
  if (ms === null) return NONE;
  if (ms > 0 && ms < 1) return ms.toFixed(2);
  return ms < 10 ? ms.toFixed(1) : grouped(ms);
}

/**
 * Never "100 %" where something failed.
 * @param {number | null} share
 */
export function formatShare(share) {
  if (share === null) return NONE;
  if (share === 1) return '100 %';
  const percent = Math.min(99.99, share * 100);
  return `${percent.toFixed(percent >= 99.9 ? 2 : 1)} %`;
}

/** @param {number} bytes */
export function formatBytes(bytes) {
  const mega = bytes / 2 ** 20;
  return mega < 1000 ? `${Math.round(mega)} MB` : `${(mega / 1024).toFixed(1)} GB`;
}

/**
 * Time as one or two units: `4 s`, `3 min`, `2 h 5 min`.
 * @param {number} ms
 */
export function formatSpan(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * `3 circuits`, `1 circuit`.
 * @param {number} count
 * @param {string} one
 */
export function plural(count, one) {
  return `${formatCount(count)} ${one}${count === 1 ? '' : 's'}`;
}

/**
 * Whether each word of the filter is somewhere in the text.
 * @param {readonly string[]} words In lower case.
 * @param {string} text
 */
export function matches(words, text) {
  if (words.length === 0) return true;
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}
