# The two commands of the README are `make run` and `make test`; `make help` lists the others.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  = -s -w -X main.version=$(VERSION)
BUILD    = CGO_ENABLED=0 $(GO) build -trimpath -ldflags="$(LDFLAGS)"

.PHONY: help build run test check race lint cross bench soak fuzz clean

help: ## List what make can do
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

build: ## Build bin/gateway
	@$(BUILD) -o bin/gateway ./cmd/gateway

run: ## Build and run the gateway; its page opens on loopback
	@echo "building the gateway (the first time takes a minute or two) …"
	@$(MAKE) --no-print-directory build
	@./bin/gateway serve

test: ## Set up what the tests need, and run all of them
	@./scripts/setup
	@echo "running the tests …"
	@$(GO) test -timeout 15m ./...

check: lint race cross ## Formatting, vet, linters, shape, race detector, cross-compilation

# test/e2e and test/canary drive the built program, in which the detector is not: make test runs them.
race: ## The tests with the race detector
	@./scripts/setup
	@echo "running the tests with the race detector …"
	@$(GO) test -race -short -timeout 20m $$($(GO) list ./... | grep -vE '/test/(e2e|canary)$$')

lint: ## gofmt, go vet, the linters, and what must not be linked
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt these: $$out"; exit 1; fi
	@$(GO) vet ./...
	@echo "running the linters (building them takes some minutes the first time) …"
	@cd tools && $(GO) build -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@./bin/golangci-lint run ./...
	@if $(GO) build -ldflags=-dumpdep -o /dev/null ./cmd/gateway 2>&1 | grep -q '<ReflectMethod>'; then \
		echo "something makes the linker keep every exported method; see docs/decisions.md"; exit 1; fi

cross: ## Compile for the other systems
	@for t in linux/arm64 darwin/arm64 windows/amd64 freebsd/amd64; do \
		echo "compiling for $$t"; \
		GOOS=$${t%/*} GOARCH=$${t#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/gateway || exit 1; \
	done

bench: ## What a message costs, beside the smallest program that could answer it
	@$(GO) run ./test/load

soak: ## The long tests: a minute of writers, ten kills, many faults
	@./scripts/setup
	@GATEWAY_SOAK=1 $(GO) test -timeout 60m -count=1 ./...

fuzz: ## Each fuzz test for a few seconds
	@for f in $$(git grep -l '^func Fuzz' -- '*_test.go'); do \
		for n in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' $$f); do \
			echo "$$n in $$(dirname $$f)"; $(GO) test -run '^$$' -fuzz "^$$n$$" -fuzztime 5s ./$$(dirname $$f) || exit 1; \
		done; \
	done

clean: ## Remove what was built
	@rm -rf bin
