module github.com/libresult/libresult/bindings/go

go 1.24
