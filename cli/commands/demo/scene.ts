import type { DemoName } from './names.ts';
import type { Stage } from './stage.ts';

export interface DemoArguments {
  name?: DemoName | undefined;
  unsafe: boolean;
  think: string;
  scale?: number | undefined;
  deadlockCheck: boolean;
  noDeadlockCheck: boolean;
  hot: boolean;
  hotStore?: string | undefined;
  back?: string | undefined;
  tickets: number;
}

/** The result of a demo, in a sentence with the figures; and whether it is the one that the demo was to show. */
export interface Conclusion {
  text: string;
  isRight: boolean;
}

/** A text on what one sees, which is printed first, and the run. The function that makes a demo checks its arguments. */
export interface Demo {
  about: string;
  run(stage: Stage, print: (line: string) => void): Promise<Conclusion>;
}
