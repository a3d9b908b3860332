/** How many directories the kernel watches for this process, and how many it may watch. */
export class WatchBudget {
  most: number;
  used = 0;

  constructor(most: number) {
    this.most = most;
  }

  get isSpent(): boolean {
    return this.used >= this.most;
  }
}
