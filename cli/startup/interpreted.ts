import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 compile nothing more to machine code in this process. For a verb that waits: it does the same few things over and over
 * until somebody else has done something, and the compiled code would take 4 MB (`npm run bench -- memory`).
 */
export function stayInterpreted(): void {
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-sparkplug');
}
