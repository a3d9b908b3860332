/** Shorter ones without an exponent are always exact. */
const SAFE_LENGTH = 15;
const NUMBER = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** Whether a number's text says more than the number that `JSON.parse` makes of it. */
export function isLossy(text: string): boolean {
  if (text.length <= SAFE_LENGTH && !/[eE]/.test(text)) return false;
  const value = Number(text);
  return !Number.isFinite(value) || digitsOf(text) !== digitsOf(String(value));
}

/** A decimal number's digits without zeros at either end, and its exponent: the same for `1.50` and `15e-1`. */
function digitsOf(text: string): string {
  const [, whole = '', fraction = '', exponent = '0'] = NUMBER.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return '0';
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
