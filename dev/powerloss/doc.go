// Package powerloss provides a disk whose page cache can be lost, for tests of what survives a
// power failure. It is an ext4 file system in a file, on a loop device. It needs root on Linux, mount
// and mkfs.ext4.
//
// CutPower makes ext4 stop at once, without writing its journal or any data
// (EXT4_IOC_SHUTDOWN, with which the developers of ext4 test its recovery). Restore mounts the
// disk again, and ext4 recovers from its journal as after a power failure. What was written and
// not flushed with fsync or its like is gone: data, sizes of files, names.
//
// The mount options remove what ext4 does beyond that: it commits its journal every 300 seconds in
// place of 5, the journal does not wait for data, and a rename does not flush the renamed file. A
// program that survives on this disk needs none of these. The kernel still writes data that is
// 30 seconds old: a test that expects a loss must be faster.
//
// The disk loses nothing that the kernel has sent to it: the package does not simulate a drive that
// acknowledges a flush too early. As on every journaled file system, fsync of one file also makes earlier
// changes of names durable.
//
// The fault tests call it.
package powerloss
