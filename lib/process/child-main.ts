import { fileURLToPath } from 'node:url';
import { unpack } from './argument-codec.ts';
import { becomeDaemon } from './children.ts';
import type { ModuleOrder } from './target.ts';

// The first code in the process of a module. It waits for its order: if the starter dies before it sends one, the process
// ends without having begun.

const abandoned = () => process.exit(1);
process.once('disconnect', abandoned);
process.once('message', (order) => {
  process.off('disconnect', abandoned);
  // Later, because Node still uses the channel while it delivers the message.
  setImmediate(() => {
    // An open channel would keep this process alive when its work is done.
    if (process.connected) process.disconnect();
    void run(order as ModuleOrder).catch(thrown);
  });
});

/** Throws an error as an uncaught exception: the program's own handlers run, or its stack goes to stderr and the exit code is 1. */
function thrown(error: unknown): void {
  setImmediate(() => {
    throw error;
  });
}

async function run({ module, exported, args, daemon }: ModuleOrder): Promise<void> {
  if (daemon) becomeDaemon();
  process.argv[1] = fileURLToPath(module);
  const exports = (await import(module)) as Record<string, unknown>;
  const work = exports[exported];
  if (typeof work !== 'function') {
    throw new TypeError(
      `${process.argv[1]} exports no function "${exported}", but: ${Object.keys(exports).join(', ')}`,
    );
  }
  await work(...unpack(args));
}
