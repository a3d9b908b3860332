/** The scroll position in the body, and whether the display is paused. */
export class TopScroll {
  offset = 0;
  isPaused = false;

  /** Handles a key. Returns whether it is known here. `page` is the number of rows on the screen. */
  press(key: string, page: number): boolean {
    const step = Math.max(1, page - 1);
    if (key === 'p') this.isPaused = !this.isPaused;
    else if (key === 'down' || key === 'j') this.offset += 1;
    else if (key === 'up' || key === 'k') this.offset -= 1;
    else if (key === 'pagedown' || key === 'space') this.offset += step;
    else if (key === 'pageup' || key === 'b') this.offset -= step;
    else if (key === 'home' || key === 'g') this.offset = 0;
    else if (key === 'end' || key === 'G') this.offset = Number.MAX_SAFE_INTEGER;
    else return false;
    return true;
  }

  /** The keys for the foot of the screen. */
  get keys(): string {
    return `${this.isPaused ? 'PAUSED  p continue' : 'p pause'}  q quit  j k PgUp PgDn scroll  Tab select  ? help`;
  }
}
