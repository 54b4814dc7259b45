export declare const SERVICES: string[];
export declare const SESSION_SERVICE: string;
export declare const SESSION_ID: string;
export declare const NEEDS: string[];
export declare function statementsOf(table: string): { write: string; read: string };
export declare const numberOf: (row: number) => number;
