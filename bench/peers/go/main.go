// One measurement of Go's channels, as a line of JSON: the same work, arguments and output as measure.cpp.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type figures struct {
	ns, cpu, switches         float64
	p50, p90, p99, p999, most int64
	messages                  uint64
	intact                    bool
}

type usage struct{ cpu, switches int64 }

func used() usage {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return usage{r.Utime.Nano() + r.Stime.Nano(), r.Nvcsw}
}

func (f *figures) usedSince(before usage) {
	after := used()
	n := float64(f.messages)
	if n == 0 {
		n = 1
	}
	f.cpu = float64(after.cpu-before.cpu) / n
	f.switches = float64(after.switches-before.switches) / n
}

func (f *figures) percentiles(times []int64) {
	if len(times) == 0 {
		return
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	at := func(part float64) int64 { return times[int(part*float64(len(times)-1))] }
	f.p50, f.p90, f.p99, f.p999, f.most = at(0.5), at(0.9), at(0.99), at(0.999), at(1)
	f.ns = float64(f.p50)
}

var zero = time.Now()

func now() int64 { return int64(time.Since(zero)) }

// How many messages, and a sum in which none can be lost or doubled unseen.
type account struct{ count, sum uint64 }

func (a *account) add(number uint64) {
	a.count++
	mixed := number * 0x9E3779B97F4A7C15
	a.sum += mixed ^ (mixed >> 29)
}

func total(all []account) (t account) {
	for _, one := range all {
		t.count += one.count
		t.sum += one.sum
	}
	return
}

type options map[string]int64

func throughput[T any](with options, make_ func(uint64) T, number func(T) uint64) figures {
	queue := make(chan T, with["capacity"])
	producers, consumers := int(with["producers"]), int(with["consumers"])
	var over atomic.Bool
	start := make(chan struct{})
	sent, got := make([]account, producers), make([]account, consumers)
	var pushing, popping sync.WaitGroup
	for c := 0; c < consumers; c++ {
		popping.Add(1)
		go func(c int) {
			var mine account
			<-start
			for item := range queue {
				mine.add(number(item))
			}
			got[c] = mine
			popping.Done()
		}(c)
	}
	for p := 0; p < producers; p++ {
		pushing.Add(1)
		go func(p int) {
			var mine account
			<-start
			for n := uint64(p) << 40; !over.Load(); n++ {
				queue <- make_(n)
				mine.add(n)
			}
			sent[p] = mine
			pushing.Done()
		}(p)
	}
	before := used()
	began := now()
	close(start)
	time.Sleep(time.Duration(with["ms"]) * time.Millisecond)
	over.Store(true)
	pushing.Wait()
	close(queue)
	popping.Wait()
	took := now() - began
	all := total(got)
	f := figures{messages: all.count, intact: all == total(sent)}
	if all.count > 0 {
		f.ns = float64(took) / float64(all.count)
	}
	f.usedSince(before)
	return f
}

func roundTrip(with options) figures {
	there, back := make(chan uint64, with["capacity"]), make(chan uint64, with["capacity"])
	done := make(chan struct{})
	go func() {
		for item := range there {
			back <- item + 1
		}
		close(done)
	}()
	times := make([]int64, 0, 4_000_000)
	intact := true
	usedBefore := used()
	until := now() + with["ms"]*1_000_000
	next := uint64(0)
	for before := now(); before < until; {
		there <- next
		next++
		intact = <-back == next && intact
		after := now()
		if len(times) < cap(times) {
			times = append(times, after-before)
		}
		before = after
	}
	f := figures{messages: next, intact: intact}
	f.usedSince(usedBefore)
	close(there)
	<-done
	f.percentiles(times)
	return f
}

// The worker closes `done` behind its error, as an errgroup does; the producer waits for either.
func cause(with options) figures {
	const capacity = 16
	inHand := errors.New("111")
	parked := with["parked"] != 0
	var times []int64
	intact := true
	before := used()
	for round := int64(0); round < with["rounds"]; round++ {
		queue := make(chan uint64, capacity)
		blocking, done := make(chan struct{}), make(chan struct{})
		var failure error
		var failed int64
		go func() {
			if parked {
				<-blocking
				time.Sleep(300 * time.Microsecond)
			} else {
				for i := 0; i < 100; i++ {
					<-queue
				}
			}
			failed = now()
			failure = inHand
			close(done)
		}()
		for sent := 0; ; sent++ {
			if parked && sent == capacity {
				close(blocking)
			}
			told := false
			select {
			case <-done:
				told = true
			default:
				select {
				case queue <- uint64(round):
				case <-done:
					told = true
				}
			}
			if told {
				break
			}
		}
		times = append(times, now()-failed)
		intact = intact && failure == inHand
	}
	f := figures{messages: uint64(len(times)), intact: intact}
	f.usedSince(before)
	f.percentiles(times)
	return f
}

func refuse() {
	fmt.Fprintln(os.Stderr, "usage: measure-go QUEUE MEASURE [KEY=NUMBER...], or measure-go --list; see measure.cpp")
	os.Exit(2)
}

func main() {
	given := os.Args[1:]
	if len(given) == 1 && given[0] == "--list" {
		fmt.Println("go")
		return
	}
	if len(given) < 2 || given[0] != "go" {
		refuse()
	}
	with := options{"capacity": 1, "producers": 1, "consumers": 1, "payload": 8, "ms": 100, "batch": 0,
		"rate": 10_000, "parked": 1, "early": 0, "rounds": 300}
	for _, one := range given[2:] {
		key, value, _ := strings.Cut(one, "=")
		number, err := strconv.ParseInt(value, 10, 64)
		if _, known := with[key]; !known || err != nil {
			refuse()
		}
		with[key] = number
	}
	var f figures
	switch {
	case given[1] == "throughput" && with["batch"] > 0, given[1] == "paced", given[1] == "cause" && with["early"] != 0:
		os.Exit(3)
	case given[1] == "throughput" && with["payload"] == 8:
		f = throughput(with, func(n uint64) uint64 { return n }, func(n uint64) uint64 { return n })
	case given[1] == "throughput" && with["payload"] == 64:
		type line [8]uint64
		f = throughput(with, func(n uint64) line { return line{n, n, n, n, n, n, n, n} }, func(l line) uint64 { return l[7] })
	case given[1] == "throughput" && with["payload"] == 256:
		f = throughput(with, func(n uint64) []byte {
			text := make([]byte, 256)
			for i := range text {
				text[i] = 'x'
			}
			binary.LittleEndian.PutUint64(text, n)
			return text
		}, func(text []byte) uint64 { return binary.LittleEndian.Uint64(text) })
	case given[1] == "round_trip":
		f = roundTrip(with)
	case given[1] == "cause":
		f = cause(with)
	default:
		refuse()
	}
	fmt.Printf("{\"ns\": %.2f, \"p50\": %d, \"p90\": %d, \"p99\": %d, \"p999\": %d, \"max\": %d, \"cpu\": %.2f, "+
		"\"switches\": %.4f, \"messages\": %d, \"intact\": %t}\n",
		f.ns, f.p50, f.p90, f.p99, f.p999, f.most, f.cpu, f.switches, f.messages, f.intact)
	if !f.intact {
		os.Exit(1)
	}
}
