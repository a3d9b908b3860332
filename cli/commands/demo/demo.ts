import { helpWidth } from '../../args/help-text.ts';
import { onSignal } from '../../child/signals.ts';
import { EXIT, Exit } from '../../output/exit.ts';
import { coloured, hasColours } from '../../text/colour.ts';
import { wrapped } from '../../text/wrapped.ts';
import { alive, daemon, daemons } from './daemons.ts';
import { ktv, lock, order } from './locks.ts';
import { type DemoName, demoList } from './names.ts';
import type { Demo, DemoArguments } from './scene.ts';
import { Stage } from './stage.ts';
import { tickets } from './tickets.ts';

const DEMOS: Record<DemoName, (args: DemoArguments) => Demo> = { tickets, order, ktv, lock, daemon, daemons, alive };

/** Runs a demo in a temporary directory; without a name, lists them. */
export async function showDemo(args: DemoArguments): Promise<void> {
  const print = (text: string) => void process.stdout.write(`${text}\n`);
  if (args.name === undefined) return print(listing());
  const demo = DEMOS[args.name](args);
  const stage = new Stage();
  // First, so that no signal comes between.
  const early = new EarlyEnd(stage);
  try {
    stage.open();
    print(`${paragraph(demo.about)}\n`);
    const { text, isRight } = await demo.run(stage, print);
    const sentence = paragraph(text);
    print(`\n${hasColours(process.stdout) ? coloured(isRight ? 'good' : 'bad', sentence) : sentence}`);
    if (!isRight) throw new Exit(EXIT.failed);
  } finally {
    // Only now: a demo that goes on, for its processes were ended, could make again what is removed.
    await stage.close();
    early.cancel();
    await early.die();
  }
}

function listing(): string {
  const intro = 'Each demo runs real processes for a few seconds, in a temporary directory, and leaves nothing behind:';
  return `${paragraph(intro)}\n\n${demoList()}\n\nTo begin: lockstep demo tickets`;
}

/** In a pipe a paragraph is a line. */
function paragraph(text: string): string {
  return process.stdout.isTTY ? wrapped(text, helpWidth(process.stdout)).join('\n') : text;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** When a signal ends us, or when the reader of our output is gone, the demo fails, as its processes are ended; then we die of it. */
class EarlyEnd {
  readonly #stage: Stage;
  #dies: (() => void) | null = null;
  readonly #onSignal = (signal: NodeJS.Signals) => this.#begin(() => process.kill(process.pid, signal));
  readonly #onError = ({ code }: NodeJS.ErrnoException) =>
    this.#begin(() => process.exit(code === 'EPIPE' ? EXIT.ok : EXIT.io));

  constructor(stage: Stage) {
    this.#stage = stage;
    for (const signal of SIGNALS) onSignal(signal, this.#onSignal);
    process.stdout.on('error', this.#onError);
  }

  cancel(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    process.stdout.off('error', this.#onError);
  }

  /** Never resolves, if there was a reason: nothing more is to be said. */
  async die(): Promise<void> {
    if (this.#dies !== null) await new Promise(this.#dies);
  }

  #begin(die: () => void): void {
    this.#dies = die;
    // A second signal has its own effect. Text that is still printed may have no reader.
    this.cancel();
    process.stdout.on('error', () => undefined);
    this.#stage.end();
  }
}
