{{ not_supplied() }}
