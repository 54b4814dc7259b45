// What Baileys takes as a logger, for tests that want to hear nothing.
const nothing = (): void => undefined;

export const silentLogger = {
  ...{ level: "silent", trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing },
  child: () => silentLogger,
};
