/**
 * `lockstep`: locks and what is built on them, processes, heartbeats, and the stores that they are in.
 *
 * @module lockstep
 */

export {
  BrokenBarrierError,
  ConfigMismatchError,
  DeadlockError,
  LeaseLostError,
  LockstepError,
  LockTimeoutError,
  LogFullError,
  MisuseError,
  type Standing,
  StoreError,
  type Waiting,
} from './errors.ts';
export type { AlsoFlock, AlsoLock, AlsoProperLockfile } from './foreign/also-lock.ts';
export { type Beat, type BeatEnd, type HeartbeatOptions, heartbeat } from './heartbeat/heartbeat.ts';
export type { Config } from './line/config.ts';
export type { Eviction, Keeps, Kept } from './line/entry.ts';
export type { EndSignal, Environment, FileBytes, ModuleUrl, OutputStream, SignalName } from './node-types.ts';
export type { ResourceOptions } from './primitives/acquirable.ts';
export type { AcquireOptions } from './primitives/acquire-options.ts';
export { Barrier } from './primitives/barrier.ts';
export {
  Condition,
  type ConditionOptions,
  type ConditionWaitOptions,
  type LeaseOptions,
} from './primitives/condition.ts';
export { Counter, type Take, type TakeOptions } from './primitives/counter.ts';
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
export type { LockOptions } from './primitives/lock-options.ts';
export {
  type GetOptions,
  type PutOptions,
  Queue,
  type QueueOptions,
  type QueueRunOptions,
  type QueueStatus,
} from './primitives/queue.ts';
export { QueueItem } from './primitives/queue-item.ts';
export { RLock } from './primitives/rlock.ts';
export { type LockMode, type ModeOptions, RWLock } from './primitives/rwlock.ts';
export { BoundedSemaphore, type PermitOptions, Semaphore, type SemaphoreOptions } from './primitives/semaphore.ts';
export type { WaitOptions } from './primitives/waiting.ts';
export { type MapOptions, map } from './process/map.ts';
export { type JoinOptions, Process } from './process/process.ts';
export type { CommandTarget, ModuleTarget, ProcessOptions, Target } from './process/target.ts';
export type { Capabilities, EntryView, ForgetOptions, Forgotten, LineView, OwnerView, Store } from './store/store.ts';
export { openStore, openStoreBeside, type StoreOptions } from './stores/open-store.ts';
