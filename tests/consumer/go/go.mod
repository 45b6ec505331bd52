module example.com/consumer

go 1.24

require github.com/libresult/libresult/bindings/go v0.1.0

replace github.com/libresult/libresult/bindings/go => ../../../bindings/go
