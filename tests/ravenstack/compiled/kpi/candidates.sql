-- Every candidate of every adopted KPI. Written by `kpi compile`.
{{ config(materialized='view') }}

with observations as (

    select * from {{ ref('kpi_csat') }}
    union all
    select * from {{ ref('kpi_customer_churn_rate') }}
    union all
    select * from {{ ref('kpi_customer_retention_rate') }}
    union all
    select * from {{ ref('kpi_grr') }}
    union all
    select * from {{ ref('kpi_new_customers') }}
    union all
    select * from {{ ref('kpi_nrr') }}
    union all
    select * from {{ ref('kpi_incident_resolution_time_p50') }}
    union all
    select * from {{ ref('kpi_mttr') }}
    union all
    select * from {{ ref('kpi_gross_revenue_retention') }}
    union all
    select * from {{ ref('kpi_gross_revenue_retention_quarterly') }}
    union all
    select * from {{ ref('kpi_gross_revenue_retention_yearly') }}
    union all
    select * from {{ ref('kpi_logo_churn_rate') }}
    union all
    select * from {{ ref('kpi_logo_churn_rate_quarterly') }}
    union all
    select * from {{ ref('kpi_logo_churn_rate_yearly') }}
    union all
    select * from {{ ref('kpi_mrr') }}
    union all
    select * from {{ ref('kpi_net_revenue_retention') }}
    union all
    select * from {{ ref('kpi_net_revenue_retention_quarterly') }}
    union all
    select * from {{ ref('kpi_net_revenue_retention_yearly') }}
    union all
    select * from {{ ref('kpi_paying_accounts') }}

),

hashes as (

    -- Ten digits of canonical text: sums of DOUBLE differ between runs in their last ones.
    select
        kpi_id,
        freq,
        time_period,
        sha256(
            string_agg(
                concat_ws(
                    '|', segment, member,
                    coalesce(printf('%.9e', obs_value), ''),
                    coalesce(printf('%.9e', numerator), ''),
                    coalesce(printf('%.9e', denominator), ''),
                    coalesce(printf('%.9e', year_to_date), ''), coalesce(printf('%.9e', rolling_12_months), ''),
                    coalesce(n_obs, -1), coalesce(n_persons_numerator, -1), coalesce(n_persons_denominator, -1),
                    definition_hash
                ),
                chr(10) order by segment, member
            )
        ) as candidate_hash
    from observations
    group by kpi_id, freq, time_period

)

select
    observations.* exclude (definition_hash, batch_id),
    observations.definition_hash,
    hashes.candidate_hash,
    observations.batch_id
from observations
inner join hashes using (kpi_id, freq, time_period)
