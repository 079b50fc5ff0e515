-- What is kept of a cohort's revenue is never more than it was.
select account_period_id
from {{ ref('fct_account_periods') }}
where kept_mrr > opening_mrr
