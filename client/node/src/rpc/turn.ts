// The turns of the event loop: what is written in one of them leaves together.
let waiting: (() => void)[] = [];
let leaving: (() => void)[] = [];
let scheduled = false;
let ending = false;

function schedule(): void {
  if (scheduled || ending) return;
  scheduled = true;
  setImmediate(end);
}

function end(): void {
  scheduled = false;
  ending = true;
  for (const resolve of waiting.splice(0)) resolve();
  // Node runs what nextTick was given once no microtask is left, those that the promises set off included.
  queueMicrotask(() => process.nextTick(leave));
}

function leave(): void {
  ending = false;
  for (const send of leaving.splice(0)) send();
}

/** Resolves when the present turn of the event loop ends, for all who wait at one moment. */
export function turnEnd(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    // One that comes while a turn ends waits for the next one.
    if (!ending) schedule();
    else leaving.push(schedule);
  });
}

/** Calls `send` when the present turn ends, after all that those who waited for its end do without waiting again. */
export function afterTurn(send: () => void): void {
  leaving.push(send);
  schedule();
}
