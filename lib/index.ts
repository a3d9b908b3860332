/** Lockstep's whole public surface. */

export { openStore, openStoreBeside, type StoreOptions } from './disk/open-store.ts';
export {
  BrokenBarrierError,
  ConfigMismatchError,
  DeadlockError,
  LeaseLostError,
  LockstepError,
  LockTimeoutError,
  MisuseError,
  type Standing,
  StoreError,
  type Waiting,
} from './errors.ts';
export { type Beat, type BeatEnd, type HeartbeatOptions, heartbeat } from './heartbeat/heartbeat.ts';
export type { AcquireOptions, ResourceOptions } from './primitives/acquirable.ts';
export { Barrier } from './primitives/barrier.ts';
export { Condition, type ConditionOptions } from './primitives/condition.ts';
export { Counter } from './primitives/counter.ts';
export { Event } from './primitives/event.ts';
export { Owner } from './primitives/flow.ts';
export { JsonFile, type JsonFileOptions, type UpdateOptions } from './primitives/json-file.ts';
export { Lease } from './primitives/lease.ts';
export { Lock } from './primitives/lock.ts';
export {
  type GrantedLock,
  type LockGrantedCallback,
  type LockInfo,
  LockManager,
  type LockManagerSnapshot,
  type LockRequestOptions,
  locks,
} from './primitives/lock-manager.ts';
export { RLock } from './primitives/rlock.ts';
export { type LockMode, type ModeOptions, RWLock } from './primitives/rwlock.ts';
export { BoundedSemaphore, type PermitOptions, Semaphore, type SemaphoreOptions } from './primitives/semaphore.ts';
export type { WaitOptions } from './primitives/waiting.ts';
export { type JoinOptions, Process } from './process/process.ts';
export type { CommandTarget, ModuleTarget, ProcessOptions } from './process/target.ts';
export type { EntryView, ForgetOptions, Forgotten, LineView, OwnerView, Store } from './store/store.ts';
