/** A token of `tables_app`; `days` 0: for as long as the secret is the same. Throws for a secret of less than 32 bytes. */
export function makeToken(secret: string, days: number): string;
