// Package badinput reads golden tables of invalid input and of the exact error messages. Only tests
// import it: every surface that receives input from outside has such a table in its testdata, which
// reviewers read as users would.
//
// An entry of a table has three parts:
//
//	what is wrong
//		the input, on one or several lines
//		=> what the user reads, on one or several lines
//
// In an input, <300 x> means 300 repetitions of x, and <byte ff> means a byte. Lines that start
// with # are comments.
package badinput
