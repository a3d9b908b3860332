import { fileURLToPath } from 'node:url';
import { unpack } from './argument-codec.ts';
import { becomeDaemon } from './children.ts';
import type { ModuleOrder } from './target.ts';

// What a `Process` of a module runs first. It waits to be told what to do: if whoever started it is killed
// before that, it ends without having begun.

const abandoned = () => process.exit(1);
process.once('disconnect', abandoned);
process.once('message', (order) => {
  process.off('disconnect', abandoned);
  // Not before Node has done with the message: it still uses the channel then.
  setImmediate(() => {
    // An open channel would keep this process alive when its work is done.
    if (process.connected) process.disconnect();
    void run(order as ModuleOrder).catch(thrown);
  });
});

/** As an exception that nobody caught: a stack on stderr, exit code 1, and the program's own handlers. */
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
