const EVERY_MS = { terminal: 100, else: 1_000 };
const WIDTH = 30;

/** The line of a sale that goes on: drawn again and again on a terminal, else printed each second. */
export class Progress {
  readonly #total: number;
  readonly #isTerminal = process.stdout.isTTY === true;
  #began: number | null = null;
  #shownAt = Number.NEGATIVE_INFINITY;
  #last = { sold: 0, at: 0 };
  #isDrawn = false;

  constructor(total: number) {
    this.#total = total;
  }

  /** Since the first sale. */
  get seconds(): number {
    return this.#began === null ? 0 : (performance.now() - this.#began) / 1_000;
  }

  show(sold: number, written: number): void {
    const now = performance.now();
    if (sold === 0) return;
    this.#began ??= now;
    if (now - this.#shownAt < (this.#isTerminal ? EVERY_MS.terminal : EVERY_MS.else)) return;
    const seconds = (now - this.#last.at) / 1_000;
    const rate = this.#last.at === 0 ? '' : `, ${Math.round((sold - this.#last.sold) / seconds)} a second`;
    this.#shownAt = now;
    this.#last = { sold, at: now };
    const line = `${sold} sold${rate}; ${written} in the database`;
    if (!this.#isTerminal) process.stdout.write(`${line}\n`);
    else process.stdout.write(`\r\x1b[K${this.#bar(sold)} ${line}`);
    this.#isDrawn = this.#isTerminal;
  }

  /** Prints a line above it. */
  say(line: string): void {
    this.end();
    process.stdout.write(`${line}\n`);
  }

  end(): void {
    if (this.#isDrawn) process.stdout.write('\r\x1b[K');
    this.#isDrawn = false;
  }

  #bar(sold: number): string {
    const filled = Math.min(WIDTH, Math.floor((sold / this.#total) * WIDTH));
    return `[${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}]`;
  }
}
