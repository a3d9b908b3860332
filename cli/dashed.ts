/** An option as it is typed: `-w`, `--wait`. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}
