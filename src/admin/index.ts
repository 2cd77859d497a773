/**
 * A node over HTTP: its routes, their description, and a client.
 *
 * @since 0.2.0
 * @module effect-gossip/admin
 */
export * as Admin from "./Admin.ts"
export * as AdminApi from "./AdminApi.ts"
export * as AdminClient from "./AdminClient.ts"
export * as Journal from "./Journal.ts"
