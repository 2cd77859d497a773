/**
 * The handlers of the commands that ask a running node. They are one module to load, because they share most of their
 * code: the HTTP client and the schemas of the API.
 */
export { handle as followEvents } from "./EventLines.ts"
export { handle as explainMember } from "./ExplainMember.ts"
export { query as askQuery, send as sendEvent } from "./AskCluster.ts"
export { set as setTags, unset as unsetTags } from "./ChangeTags.ts"
export { add as addKeys, list as listKeys, remove as removeKey, use as useKey } from "./ManageKeys.ts"
export { handle as forgetMember } from "./ForgetMember.ts"
export { handle as contactPeers } from "./ContactPeers.ts"
export { handle as requestLeave } from "./RequestLeave.ts"
export { handle as showMembers } from "./ShowMembers.ts"
export { handle as showStatus } from "./ShowStatus.ts"
