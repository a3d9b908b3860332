import { ConfigMismatchError, type StoreError } from '../errors.ts';
import { goneError, type JournalPlace } from '../journal/journal-error.ts';
import { type Config, describeConfig, isResizable, isSameConfig } from '../line/config.ts';
import type { Ledger } from './ledger.ts';

export interface AgreedConfigOptions {
  ledger: Ledger;
  place: JournalPlace;
  /** Ends the resource, unless it is in use: then false. */
  forget: () => boolean;
}

/** The configuration that all users of a resource must state alike. */
export class AgreedConfig {
  readonly #options: AgreedConfigOptions;

  constructor(options: AgreedConfigOptions) {
    this.#options = options;
  }

  /** @throws {ConfigMismatchError} */
  check(config: Config): void {
    const { ledger, place } = this.#options;
    if (isSameConfig(config, ledger.line.config)) return;
    // It may have been forgotten since the last look, and made anew.
    ledger.refresh();
    if (ledger.isOver) throw this.#goneError();
    throw new ConfigMismatchError(place.subject, describeConfig(ledger.line.config), describeConfig(config));
  }

  /** A lock or semaphore with other permits that nobody uses is forgotten where the caller wants that, and then opened anew. */
  checkOrResize(config: Config): void {
    const { ledger, forget } = this.#options;
    try {
      this.check(config);
    } catch (error) {
      if (!(error instanceof ConfigMismatchError) || !config.resize) throw error;
      if (!isResizable(config, ledger.line.config) || !forget()) throw error;
      ledger.refresh();
      throw this.#goneError();
    }
  }

  #goneError(): StoreError {
    return goneError(this.#options.place);
  }
}
