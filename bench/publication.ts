import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chartOf } from './chart/chart.ts';
import { readmeWith } from './readme.ts';
import type { Results } from './results.ts';

const DIGITS = 4;

/** The results, and what is drawn and written from them, in the checkout at `root`. */
export class Publication {
  readonly #results: string;
  readonly #chart: string;
  readonly #readme: string;

  constructor(root: string) {
    this.#results = path.join(root, 'bench/results.json');
    this.#chart = path.join(root, 'docs/bench.svg');
    this.#readme = path.join(root, 'README.md');
  }

  /** Whether anything has been measured. */
  get isThere(): boolean {
    return fs.existsSync(this.#results);
  }

  read(): Results {
    return JSON.parse(fs.readFileSync(this.#results, 'utf8'));
  }

  write(results: Results): void {
    const rounded = (_: string, value: unknown) =>
      typeof value === 'number' ? Number(value.toPrecision(DIGITS)) : value;
    fs.writeFileSync(this.#results, `${JSON.stringify(results, rounded, 2)}\n`);
    this.draw();
  }

  /** Draws the chart and writes the README's table, from the results that are there. */
  draw(): void {
    const results = this.read();
    fs.writeFileSync(this.#chart, `${chartOf(results)}\n`);
    fs.writeFileSync(this.#readme, readmeWith(results, fs.readFileSync(this.#readme, 'utf8')));
  }
}

/** That of this checkout. Compiled, this file is in build/bench/. */
export function ownPublication(): Publication {
  return new Publication(fileURLToPath(new URL('../..', import.meta.url)));
}
