-- Nothing is opened again: a server of the version before serves the tables as they are.
SELECT;
