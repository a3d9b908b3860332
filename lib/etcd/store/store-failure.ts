import { type LockstepError, StoreError } from '../../errors.ts';
import { EtcdError } from '../client/etcd-error.ts';

export interface FailureContext {
  operation: string;
  resource?: string;
  /** Of the store. */
  place: string;
}

/**
 * An error of etcd as an error of the store: `UNREACHABLE`, `UNSURE`, `DENIED`, … are its codes here, too. Other errors stay as
 * they are.
 */
export function storeFailure(error: unknown, { operation, resource, place }: FailureContext): unknown {
  if (!(error instanceof EtcdError)) return error;
  const subject = resource === undefined ? '' : `${resource}: `;
  return new StoreError(error.code, `${subject}${error.message}`, {
    operation,
    path: place,
    cause: error,
    ...(resource === undefined ? {} : { resource }),
  });
}

/** Runs an operation of a store; what it throws is an error of the store. `name`: the resource's, if it is about one. */
export type Guard = <T>(operation: string, name: string | undefined, call: () => T | Promise<T>) => Promise<T>;

export function guardOf(place: string): Guard {
  return async (operation, name, call) => {
    try {
      return await call();
    } catch (error) {
      throw storeFailure(error, { operation, place, ...(name === undefined ? {} : { resource: name }) });
    }
  };
}

export function isEtcd(error: unknown, code: EtcdError['code']): boolean {
  return error instanceof EtcdError && error.code === code;
}

/** A state that another version wrote. */
export function unknownState(name: string, place: string): StoreError {
  return new StoreError(
    'STORE_UNSUPPORTED',
    `${name}: its state in the store ${place} is of no version that this Lockstep knows. Update Lockstep here, or use another prefix.`,
    { operation: 'open', resource: name, path: place },
  );
}

/** A change that others got in the way of, again and again. */
export function tooBusy(name: string, place: string): StoreError {
  return new StoreError('STORE_BUSY', `${name}: others changed it at the same time, again and again. Try again.`, {
    operation: 'change',
    resource: name,
    path: place,
  });
}

export function foreignHolder(name: string, place: string): LockstepError {
  return new StoreError(
    'STORE_UNSUPPORTED',
    `${name}: it is held by another program (etcdctl lock), which would never learn that it was stolen. End that program, or evict its entry.`,
    { operation: 'steal', resource: name, path: place },
  );
}
