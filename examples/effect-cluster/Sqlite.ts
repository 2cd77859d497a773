// A client of a SQLite file for `effect/sql`, by the driver of Node.js. No package for this version of Effect exists yet.
import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { Effect, Layer, Semaphore, Scope, Stream } from "effect"
import { Reactivity } from "effect/reactivity"
import { SqlClient, type SqlConnection, SqlError, Statement } from "effect/sql"

const isInput = (value: unknown): value is SQLInputValue =>
  value === null || ["string", "number", "bigint"].includes(typeof value) || value instanceof Uint8Array

const failure = (operation: string) => (cause: unknown) =>
  new SqlError.SqlError({ reason: SqlError.classifySqliteError(cause, { message: "SQLite failed", operation }) })

/** Opens a file, which other processes may use too. */
export const layer = (filename: string): Layer.Layer<SqlClient.SqlClient> =>
  Layer.effect(
    SqlClient.SqlClient,
    Effect.gen(function* () {
      const database = yield* Effect.acquireRelease(
        Effect.sync(() => new DatabaseSync(filename)),
        (database) => Effect.sync(() => database.close())
      )
      // Others may be opening it at this moment.
      database.exec("PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL")
      const rows = (sql: string, values: ReadonlyArray<unknown>, arrays = false) =>
        Effect.try({
          try: () => {
            const statement = database.prepare(sql)
            statement.setReturnArrays(arrays)
            const inputs = values.filter(isInput)
            if (inputs.length !== values.length) throw new TypeError("SQLite takes no such value")
            if (statement.columns().length > 0) return statement.all(...inputs)
            statement.run(...inputs)
            return []
          },
          catch: failure("execute")
        })
      const connection: SqlConnection.Connection = {
        execute: (sql, values, transform) => Effect.map(rows(sql, values), transform ?? ((found) => found)),
        executeRaw: (sql, values) => rows(sql, values),
        executeValues: (sql, values) => Effect.map(rows(sql, values, true), (found) => found.map(Object.values)),
        executeValuesUnprepared: (sql, values) =>
          Effect.map(rows(sql, values, true), (found) => found.map(Object.values)),
        executeUnprepared: (sql, values, transform) => Effect.map(rows(sql, values), transform ?? ((found) => found)),
        executeStream: () => Stream.die("streams are not used")
      }
      const semaphore = yield* Semaphore.make(1)
      return yield* SqlClient.make({
        acquirer: semaphore.withPermits(1)(Effect.succeed(connection)),
        transactionAcquirer: Effect.uninterruptibleMask((restore) =>
          Effect.as(
            Effect.flatMap(Effect.scope, (scope) =>
              Effect.andThen(restore(semaphore.take(1)), Scope.addFinalizer(scope, semaphore.release(1)))
            ),
            connection
          )
        ),
        compiler: Statement.makeCompilerSqlite(),
        driver: "node-sqlite",
        // A transaction that begins with reading could not write any more when another process has written meanwhile.
        beginTransaction: "BEGIN IMMEDIATE",
        spanAttributes: []
      })
    })
  ).pipe(Layer.provide(Reactivity.layer))
