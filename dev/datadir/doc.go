// Package datadir locks a folder for one running development stack. A second start gets the
// pid and the URLs of the first. After SIGKILL the folder is free, because the kernel
// releases the lock with the process.
//
// lazisync-dev calls it. The content of the folder belongs to other packages.
package datadir
