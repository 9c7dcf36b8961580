// Package datadir keeps one folder for one running development stack: it locks
// the folder, tells a second start who has it and where to look, and survives
// SIGKILL, because the kernel lets go of the lock with the process.
//
// lazisync-dev calls it. What lies in the folder is the business of the packages
// that put it there.
package datadir
