/**
 * Has V8 compile nothing more to machine code in this process. For a verb that waits: it does the same few things over and over
 * until another process has acted, and the compiled code would take 4 MB (`npm run bench -- memory`).
 */
export function stayInterpreted(): void {
  // Loaded here, since most calls of a verb do not wait, and this module of Node's has eight others loaded.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  setFlagsFromString('--no-opt');
  setFlagsFromString('--no-sparkplug');
}
