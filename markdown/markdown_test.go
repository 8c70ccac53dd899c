package markdown

// essay is an answer as models write them.
const essay = `# Sorting in Go

Go's standard library sorts with **pattern-defeating quicksort**, which is *not stable*. Use ` + "`slices.SortStableFunc`" + ` if
equal elements must keep their order.

## An example

` + "```go\n" + `package main

import (
	"fmt"
	"slices"
)

type person struct {
	name string
	age  int
}

func main() {
	people := []person{{"Ada", 36}, {"Grace", 85}, {"Edsger", 72}}
	slices.SortFunc(people, func(a, b person) int { return a.age - b.age })
	fmt.Println(people) // <sorted> & "printed"
}
` + "```" + `

## What to choose

| Function | Stable | Time |
|:---------|:------:|-----:|
| ` + "`slices.Sort`" + ` | no | O(n log n) |
| ` + "`slices.SortStableFunc`" + ` | yes | O(n log² n) |
| ` + "`sort.Slice`" + ` | no | O(n log n) |

1. **Small inputs**: insertion sort is used below twelve elements.
2. **Patterns**:
   - sorted and reversed inputs take linear time;
   - many equal elements are partitioned at once, see
     [the paper](https://arxiv.org/abs/2106.05123) by Orson Peters.
3. **Bad luck**: after too many unbalanced partitions it falls back to heapsort, so that the worst case stays
   at $O(n \log n)$.

> Premature optimisation is the root of all evil.
>
> ~~Always~~ Usually true.

---

Would you like to see a ~50 line benchmark? 😀
`
