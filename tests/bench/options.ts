// The command line of `./dev bench`.

export interface BenchOptions {
  quick: boolean;
  // No row begins later than that.
  minutes: number;
  // Where the reports go.
  output: string;
  // Rows to measure, by name or by the beginning of one; all when empty.
  rows: string[];
}

const DEFAULT_MINUTES = 60;
const MOST_MINUTES = 999;

export class UsageError extends Error {}

export function parseOptions(args: readonly string[]): BenchOptions {
  const options: BenchOptions = { quick: false, minutes: DEFAULT_MINUTES, output: "build/bench", rows: [] };
  const rest = [...args];
  const valueOf = (name: string): string => {
    const value = rest.shift();
    if (value === undefined) throw new UsageError(`${name} needs a value`);
    return value;
  };
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === "--quick") options.quick = true;
    else if (argument === "--output") options.output = valueOf(argument);
    else if (argument === "--minutes") options.minutes = minutesOf(valueOf(argument));
    else if (argument.startsWith("-")) throw new UsageError(`unknown option '${argument}'`);
    else options.rows.push(argument);
  }
  return options;
}

function minutesOf(text: string): number {
  const minutes = /^[0-9]{1,3}$/.test(text) ? Number(text) : 0;
  if (minutes >= 1 && minutes <= MOST_MINUTES) return minutes;
  throw new UsageError(`--minutes needs a number from 1 to ${MOST_MINUTES}`);
}

export function isWanted(name: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 || wanted.some((beginning) => name.startsWith(beginning));
}
