package pgserver

// Alive lets the external tests look at processes the way the package does.
var Alive = alive
