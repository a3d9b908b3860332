/**
 * The parts that Lockstep's own command line needs beyond the public entries. The package does not export them: they
 * may change with any version.
 *
 * @module
 */

export { handedDown, inheritedIn } from './deadlock/enclosing-locks.ts';
export { Deadlocked, linesAround } from './deadlock/wait-graph.ts';
export { sessionIn } from './disk/opened-stores.ts';
export { readOnlyHost } from './disk/read-only-host.ts';
export { defaultStorePath, isForeignTo, openStoreDirectory, storePath } from './disk/store-directory.ts';
export { openLog } from './file/open-log.ts';
export { MAX_FILE_BYTES } from './file/read-all.ts';
export { replaceFile } from './file/replace-file.ts';
export { FlockLock } from './foreign/flock-lock.ts';
export { Beat, checkInterval } from './heartbeat/heartbeat.ts';
export { Monitor } from './heartbeat/monitor.ts';
export { beatsDirectory, isPrivate, nameOfFile } from './heartbeat/report-file.ts';
export { endReport } from './heartbeat/report-writer.ts';
export { endShared } from './heartbeat/shared-report.ts';
export { History } from './history/history.ts';
export { isOver, lastOf } from './history/span.ts';
export { commandLine, shortCommand } from './host/command-line.ts';
export { isErrno, messageOf } from './host/errno.ts';
export { releaseAll } from './host/exit-hooks.ts';
export type { FileFacts, Host, ProcessFacts } from './host/host.ts';
export { nodeHost } from './host/node-host.ts';
export { makePipe, type PipeEnds } from './host/node-pipe.ts';
export type { StoreDirectory } from './host/own-directory.ts';
export { pinnedHost } from './host/pinned-files.ts';
export { storeErrorOf } from './host/system-error.ts';
export { writeWhole } from './host/whole-write.ts';
export { JobJudge } from './jobs/health.ts';
export { intervalEnd } from './jobs/interval.ts';
export { JobRecords } from './jobs/job-records.ts';
export { Spool } from './jobs/output-spool.ts';
export { outputFile } from './jobs/output-tail.ts';
export { jobDirectory, runFile } from './jobs/record-format.ts';
export { RunRecord } from './jobs/record-writer.ts';
export { sweepRuns } from './jobs/retention.ts';
export { RunLog } from './jobs/run-log.ts';
export { parseExpectation } from './jobs/schedule.ts';
export { SharedRuns } from './jobs/shared-runs.ts';
export { SkipCount } from './jobs/skip-count.ts';
export { requestStop, type StopRequest, StopRequestWatch } from './jobs/stop-request.ts';
export { durationsBefore } from './jobs/success-durations.ts';
export type { Action } from './line/action.ts';
export { describeConfig, MAX_PERMITS } from './line/config.ts';
export { type Kept, RELEASED } from './line/entry.ts';
export { type LineReading, readLine } from './observe/line-watch.ts';
export { type Item, parsePrivateFile, type ResourceReading, StoreScan } from './observe/store-scan.ts';
export { StoreView } from './observe/store-view.ts';
export { type StoreReading, StoreWatch } from './observe/store-watch.ts';
export { nearestOf } from './options/nearest.ts';
export { Acquirable } from './primitives/acquirable.ts';
export { LEAST_MS, TRY_MS } from './primitives/joined-in-time.ts';
export type { HeldOptions } from './process/birth.ts';
export { CommandOutput } from './process/command-output.ts';
export { discardOutput } from './process/discarded-output.ts';
export { type ExecOptions, exec, whyNotExec } from './process/exec.ts';
export { HeldProcess, type ProcessExit } from './process/held-process.ts';
export type { HandedOn } from './process/launch.ts';
export { type Undecoded, undecoded } from './process/undecoded.ts';
export { gripOf } from './session/lifeline.ts';
export { whyGone } from './session/liveness.ts';
export {
  canHaveFile,
  commandLifeline,
  ownerFor,
  sessionKeepalive,
  sessionLifeline,
} from './session/session.ts';
export { holdersIn } from './store/holders.ts';
export { checkName } from './store/name.ts';
export type { ServerReading, Servers } from './store/servers.ts';
export { directoryOf, recordsOf } from './stores/open-store.ts';
export { storeUrl } from './stores/store-url.ts';
export { countdown } from './time/countdown.ts';
export { byDeadline } from './time/deadline.ts';
export { durationIn } from './time/duration.ts';
export { later } from './time/timer.ts';
export { localZone, zoneIn, zoneInTz } from './time/zone.ts';
