// The command line of `./dev bench`.

export interface BenchOptions {
  quick: boolean;
  // No row begins later than that.
  minutes: number;
  // For how long the load of scraped-memory lasts.
  loadSeconds: number;
  // Where the reports go.
  output: string;
  // Rows to measure, by name or by the beginning of one; all when empty.
  rows: string[];
}

const DEFAULT_MINUTES = 60;
const MOST_MINUTES = 999;
const DEFAULT_LOAD_SECONDS = 60;
const MOST_LOAD_SECONDS = 9_999;

export class UsageError extends Error {}

export function parseOptions(args: readonly string[]): BenchOptions {
  const options: BenchOptions = {
    ...{ quick: false, minutes: DEFAULT_MINUTES, loadSeconds: DEFAULT_LOAD_SECONDS },
    ...{ output: "build/bench", rows: [] },
  };
  const rest = [...args];
  const valueOf = (name: string): string => {
    const value = rest.shift();
    if (value === undefined) throw new UsageError(`${name} needs a value`);
    return value;
  };
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === "--quick") options.quick = true;
    else if (argument === "--output") options.output = valueOf(argument);
    else if (argument === "--minutes") options.minutes = numberOf(argument, valueOf(argument), MOST_MINUTES);
    else if (argument === "--load-seconds")
      options.loadSeconds = numberOf(argument, valueOf(argument), MOST_LOAD_SECONDS);
    else if (argument.startsWith("-")) throw new UsageError(`unknown option '${argument}'`);
    else options.rows.push(argument);
  }
  return options;
}

function numberOf(name: string, text: string, most: number): number {
  const number = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= most) return number;
  throw new UsageError(`${name} needs a number from 1 to ${most}`);
}

export function isWanted(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((beginning) => name.startsWith(beginning));
}
