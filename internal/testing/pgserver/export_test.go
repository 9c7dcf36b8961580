package pgserver

// Alive lets external tests check processes as the package does.
var Alive = alive
