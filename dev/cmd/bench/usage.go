package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const ticksPerSecond = 100 // of the times in /proc, on every Linux

// stat returns the fields of /proc/<pid>/stat from the state on: [1] is the parent, [11] to [14]
// are the CPU time in user and system mode, of the process and of its children that ended.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])), nil
}

// cpuSeconds returns the CPU time of a process and of its children that ended.
func cpuSeconds(pid int) float64 {
	fields, err := stat(pid)
	if err != nil {
		return 0 // it has ended
	}
	ticks := 0
	for _, field := range fields[11:15] {
		n, _ := strconv.Atoi(field)
		ticks += n
	}
	return float64(ticks) / ticksPerSecond
}

// treeCPUSeconds is cpuSeconds of a process and of its running children.
func treeCPUSeconds(pid int) float64 {
	sum := cpuSeconds(pid)
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		child, _ := strconv.Atoi(filepath.Base(path))
		if fields, err := stat(child); err == nil && fields[1] == strconv.Itoa(pid) {
			sum += cpuSeconds(child)
		}
	}
	return sum
}

// peakMiB returns the highest resident memory of a process so far, in MiB.
func peakMiB(pid int) float64 { return memoryMiB(pid, "VmHWM:") }

// residentMiB returns the resident memory of a process, in MiB.
func residentMiB(pid int) float64 { return memoryMiB(pid, "VmRSS:") }

// memoryMiB returns a line of /proc/<pid>/status in MiB, 0 if the process has ended.
func memoryMiB(pid int, name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == name {
			kib, _ := strconv.ParseFloat(fields[1], 64)
			return kib / 1024
		}
	}
	return 0
}

// resetPeak makes the resident memory of a process its highest so far.
func resetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// connections counts the established TCP connections of a process, by remote port.
func connections(pid int) map[int]int {
	inodes := map[string]bool{}
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		to, _ := os.Readlink(link)
		if inode, isSocket := strings.CutPrefix(to, "socket:["); isSocket {
			inodes[strings.TrimSuffix(inode, "]")] = true
		}
	}
	const established = "01"
	counts := map[int]int{}
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", pid))
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != established || !inodes[fields[9]] {
			continue
		}
		_, port, _ := strings.Cut(fields[2], ":")
		if n, err := strconv.ParseInt(port, 16, 32); err == nil {
			counts[int(n)]++
		}
	}
	return counts
}
