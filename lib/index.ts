/** Lockstep's whole public surface. */
export type { AcquireOptions, ResourceOptions } from './acquirable.ts';
export { Barrier } from './barrier.ts';
export { type Beat, type BeatEnd, type HeartbeatOptions, heartbeat } from './beat.ts';
export { BoundedSemaphore } from './bounded-semaphore.ts';
export { Condition, type ConditionOptions } from './condition.ts';
export { Counter } from './counter.ts';
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
export { Event } from './event.ts';
export { JsonFile, type JsonFileOptions } from './json-file.ts';
export { Lease } from './lease.ts';
export { Lock } from './lock.ts';
export {
  type GrantedLock,
  type LockGrantedCallback,
  type LockInfo,
  LockManager,
  type LockManagerSnapshot,
  type LockRequestOptions,
  locks,
} from './lock-manager.ts';
export { openStore, openStoreBeside, type StoreOptions } from './open-store.ts';
export { Owner } from './owner.ts';
export { type JoinOptions, Process } from './process.ts';
export type { CommandTarget, ModuleTarget, ProcessOptions } from './process-target.ts';
export { RLock } from './rlock.ts';
export { type LockMode, type ModeOptions, RWLock } from './rwlock.ts';
export { type PermitOptions, Semaphore } from './semaphore.ts';
export type { EntryView, LineView, OwnerView, Store } from './store.ts';
export type { WaitOptions } from './waiting.ts';
