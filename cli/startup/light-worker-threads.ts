/** Replaces `node:worker_threads` in the bundle: the command line asks only this of it, and loading it takes memory. */
export const isMainThread = true;
