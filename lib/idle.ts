/**
 * Whether nothing is left in this process that could ever release anything: no timer, no socket, no child, only
 * waits in line. Then whatever it holds stays held until one of these waits is over.
 */

/** Waits in line under way in this process; each keeps one timer. */
let waits = 0;

export function beginWait(): () => void {
  waits += 1;
  return () => {
    waits -= 1;
  };
}

export function waitsUnderWay(): number {
  return waits;
}

/** Whether nothing but waits keeps this process alive. To be asked between two looks of the asker's own wait. */
export function nothingElseToDo(): boolean {
  const outputs = [process.stdout, process.stderr].flatMap(kindOfOutput);
  let timers = 0;
  for (const kind of process.getActiveResourcesInfo()) {
    const output = outputs.indexOf(kind);
    if (kind === 'Timeout') timers += 1;
    // What is still to be written can release nothing.
    else if (output !== -1) outputs.splice(output, 1);
    else return false;
  }
  return timers < waits;
}

/** What an output stream is called among the active resources. One to a file is not there. */
function kindOfOutput(stream: NodeJS.WriteStream): string[] {
  if (stream.isTTY) return ['TTYWrap'];
  return 'ref' in stream ? ['PipeWrap'] : [];
}
