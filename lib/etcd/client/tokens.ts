/**
 * The token by which etcd recognizes a user. It is fetched when it is needed first, by one call whatever the number of
 * those who wait, and again when the server no longer accepts it.
 */
export class Tokens {
  readonly #authenticate: (() => Promise<string | null>) | null;
  #token: Promise<string | null> | null = null;
  #known: string | null | undefined;

  /** @param authenticate fetches a token; to null where the cluster has no users. Null: there is no user */
  constructor(authenticate: (() => Promise<string | null>) | null) {
    this.#authenticate = authenticate;
  }

  get hasUser(): boolean {
    return this.#authenticate !== null;
  }

  /** The token if there is one, null if none is needed, and undefined if it must be fetched. */
  current(): string | null | undefined {
    return this.#authenticate === null ? null : this.#known;
  }

  /** Fetches the token, unless that is under way. Rejects with what the fetching rejects with. */
  fetch(): Promise<string | null> {
    if (this.#authenticate === null) return Promise.resolve(null);
    this.#token ??= this.#authenticate().then(
      (token) => {
        this.#known = token;
        return token;
      },
      (error) => {
        this.#token = null;
        throw error;
      },
    );
    return this.#token;
  }

  /** The server does not accept this token: the next one is fetched, unless that was done meanwhile. */
  drop(token: string | null): void {
    if (this.#known !== token) return;
    this.#known = undefined;
    this.#token = null;
  }
}
