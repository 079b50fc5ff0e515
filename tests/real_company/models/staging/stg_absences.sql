-- Employees come with a number of absences, without days.
{{ not_supplied() }}
